#!/bin/sh
# What `make run` ends with: the built-in agent works on a copy of share/demo.
set -eu
cd "$(dirname "$0")/.."
holt=$PWD/build/holt
folder=$PWD/build/demo
state=$PWD/build/demo-state

rm -rf "$folder" "$state"
cp -r share/demo "$folder"

task() {
    printf '\n> %s\n' "$1"
    "$holt" agent --state "$state" -w "$folder" --allow write "$1" 2>&1 || echo "(the agent gave no answer)"
}

if "$holt" doctor --json | grep -q '"tier": *"D"'; then
    echo "This system can confine no tools, so only what needs no child is shown:"
    "$holt" doctor || true # says what is missing, and ends with 1 then
    task "What is 24 * 17?"
    task "Remember that the alarm code is 4711"
    task "What did I tell you about the alarm code?"
else
    echo "The agent works in build/demo, a copy of share/demo, with the model that is inside the program."
    task "List the folder orders"
    task "What is the port in shop.ini?"
    task "Which file contains kettle?"
    task "Multiply 24 by 17 and save the result in total.txt"
    task "Create greeting.txt with the text hello"
fi

cat <<TEXT

Now you:
  build/holt                                    talk to it about the folder you are in
  build/holt agent "How many lines are in README.md?"
  build/holt run -m MODEL.gguf "Hello"          any GGUF model, its words alone
  build/holt help                               all commands
TEXT
