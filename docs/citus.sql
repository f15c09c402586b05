-- Spreads the tables over a Citus cluster. Run it once, after `gadwatch db upgrade`, on the
-- coordinator. Every statement of the service that locks or writes names the run, so nothing else
-- changes; see docs/scaling.md.

CREATE EXTENSION IF NOT EXISTS citus;

-- Small and shared: every node has a copy.
SELECT create_reference_table('projects');
SELECT create_reference_table('experiments');
SELECT create_reference_table('endpoints');
SELECT create_reference_table('silences');
SELECT create_reference_table('tokens');
SELECT create_reference_table('sessions');
SELECT create_reference_table('beats');

-- One run lies on one node, with everything about it.
SELECT create_distributed_table('runs', 'run_id');
SELECT create_distributed_table('run_states', 'run_id', colocate_with => 'runs');
SELECT create_distributed_table('attempts', 'run_id', colocate_with => 'runs');
SELECT create_distributed_table('mlflow_runs', 'run_id', colocate_with => 'runs');
SELECT create_distributed_table('tail', 'run_id', colocate_with => 'runs');
SELECT create_distributed_table('blocks', 'run_id', colocate_with => 'runs');
SELECT create_distributed_table('findings', 'run_id', colocate_with => 'runs');
SELECT create_distributed_table('verdicts', 'run_id', colocate_with => 'runs');
SELECT create_distributed_table('notices', 'run_id', colocate_with => 'runs');
SELECT create_distributed_table('deliveries', 'run_id', colocate_with => 'runs');
SELECT create_distributed_table('delivery_attempts', 'run_id', colocate_with => 'runs');
