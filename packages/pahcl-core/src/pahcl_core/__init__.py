"""PA-HCL: physiology-aware hierarchical contrastive learning on heart sounds.

Where things live, from the bottom up (an import only ever points down this list):

- `signal`: filters, heart states, cardiac cycles. Functions of NumPy arrays; no torch.
- `data`: readers of the public collections, synthesis, splits by person, the packed cycles.
- `models`, `losses`, `metrics`: torch modules; functions of tensors; functions of arrays.
- `training`: the loops, the checkpoints, what is written of a run; reports to a tracker.
- `evaluation`, `baselines`: reading runs back and comparing them; what a network has to beat.
- `studies`: many runs that belong together.

`config` turns run files into frozen dataclasses and back; `errors` holds what a user can mend.
"""

__version__ = "0.1.0"
