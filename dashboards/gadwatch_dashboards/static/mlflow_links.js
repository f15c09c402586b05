// MLflow's client prints links of the form …/#/experiments/<id>/runs/<run>: go to that run's page.
const run = location.hash.match(/^#\/experiments\/\d+\/runs\/([\w.-]+)/)?.[1];
if (run) location.replace(`/runs/${run}`);
