"""Holds model.py against golden cases: `check_golden.py FOLDER`, a folder with one subfolder per case."""
import json
import sys
from pathlib import Path

import torch

from model import Model, load_safetensors

for folder in sorted(path for path in Path(sys.argv[1]).iterdir() if path.is_dir()):
    model = Model.load(folder, torch.float64)
    expected = load_safetensors(folder / "golden.safetensors")
    worst, greedy_equal = 0.0, True
    golden = json.loads((folder / "golden.json").read_text())
    for prompt in golden["prompts"]:
        logits = model.logits(prompt["ids"])
        worst = max(worst, float((logits[-1] - expected[prompt["last_logits_f64"]]).abs().max()))
        greedy = prompt["greedy"]["ids"]
        predicted = model.logits(prompt["ids"] + greedy)[len(prompt["ids"]) - 1:-1].argmax(-1).tolist()
        greedy_equal &= predicted == greedy
    print(f"{folder.name}: largest difference {worst:.1e}, greedy {'equal' if greedy_equal else 'DIFFERENT'}")
