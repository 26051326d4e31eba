"""Takes the memory of a GPU but for some, says "taken", and keeps it until its input ends. Usage: hog.py cuda:0 LEAVE_MB"""

import sys

import torch

device, leave = sys.argv[1], int(sys.argv[2]) << 20
taken = []
with torch.cuda.device(device):
    for part in (1 << 30, 64 << 20, 8 << 20):
        while torch.cuda.mem_get_info()[0] > leave + part:
            try:
                taken.append(torch.empty(part, dtype=torch.uint8, device=device))
            except torch.cuda.OutOfMemoryError:
                break
    print("taken", flush=True)
    sys.stdin.read()
