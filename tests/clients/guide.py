"""Types what pages of docs/guides say: guide.py python|js PACKAGES PAGE..., the servers in $HOLT and $HOLT_VECTORS. Folder and home are scratch.

Each block of the language runs by itself, with the variables that the page exports, the addresses of the test's servers and the name of
the built-in model; it must end well and print something. PACKAGES is the folder below which node finds packages.
"""
import os
import re
import shutil
import subprocess
import sys

GUIDES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/guides")
ADDRESS = re.compile(r"http://127\.0\.0\.1:(?:11434|11500)")
MODEL = re.compile(r'"(openai/)?(?:model|qwen3:4b|nomic-embed-text-v1\.5\.Q8_0)"')


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.M | re.S)


def main(language, packages, *names):
    count = 0
    with open("notes.txt", "w") as file:
        file.write("buy milk\n")
    shutil.copy(os.environ["HOLT_MODEL"], "river.gguf")
    for name in names:
        with open(os.path.join(GUIDES, name)) as file:
            page = file.read()
        page = ADDRESS.sub(os.environ["HOLT_VECTORS" if name == "embeddings.md" else "HOLT"], page)
        page = MODEL.sub(lambda found: f'"{found.group(1) or ""}builtin"', page)
        exports = dict(pair.split("=", 1) for line in re.findall(r"^export (.*)$", page, re.M) for pair in line.split())
        for block in blocks(page, language):
            path = "block.py" if language == "python" else os.path.join(packages, f"block-{os.getpid()}.mjs")
            with open(path, "w") as file:
                file.write(block)
            done = subprocess.run([sys.executable if language == "python" else "node", path], env={**os.environ, **exports}, timeout=100,
                                  stdout=subprocess.PIPE, text=True)
            os.remove(path)
            print(f"== {name}\n{block}-- {done.returncode}\n{done.stdout}")
            assert done.returncode == 0 and done.stdout.strip(), f"{name}: {done.returncode}"
            count += 1
    assert count >= len(names), count
    print("ok")


if __name__ == "__main__":
    main(*sys.argv[1:])
