"""Checks that ideal transcripts pass their own checks, and prints shares (calls, recoveries)."""
import random
import sys

import emulate
import evaluate
import tasks


def main():
    each, two, recovered, total, weight_all, weight_two, weight_recovered = int(sys.argv[1]), 0, 0, 0, 0, 0, 0
    for split in ("train", "eval"):
        for kind, (_, share) in tasks.KINDS.items():
            for number in range(each):
                world = tasks.make(kind, random.Random(f"self-{split}-{kind}-{number}"), split)
                files, notes = world.start
                folder = emulate.Folder(files, notes, world.allow, world.start_folders)
                calls = [step for step in world.steps if step[0] == "call"]
                for _, name, arguments, result in calls:
                    again = folder.call(name, arguments)
                    assert again == result, (kind, name, arguments, result, again)
                reason = evaluate.judge(world.check, world.steps[-1][1], folder, (files, notes), [c[1] for c in calls])
                assert reason is None, (kind, reason, world.steps, world.check)
                assert world.check, kind
                weight_all += share
                weight_two += share * (len(calls) >= 2)
                weight_recovered += share * any(c[3].startswith("error") for c in calls)
    print(f"two or more calls {weight_two / weight_all:.3f}, with an error on the way {weight_recovered / weight_all:.3f}")


if __name__ == "__main__":
    main()
