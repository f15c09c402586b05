"""Which process of a distributed job may talk: the first one."""

import os
import sys
from collections.abc import Mapping


def is_first_rank(environ: Mapping[str, str] = os.environ) -> bool:
    """True in rank 0 and in jobs that have no ranks.

    ``torch.distributed`` is asked only where the trainer has loaded and initialised it; then
    ``RANK`` (torchrun) and ``SLURM_PROCID`` decide.
    """
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        return int(distributed.get_rank()) == 0
    for name in ("RANK", "SLURM_PROCID"):
        text = environ.get(name, "").strip()
        if text.isdigit():
            return int(text) == 0
    return True
