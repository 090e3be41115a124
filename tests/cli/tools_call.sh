# One call goes the way of an agent's calls. Without a terminal nobody can allow it.
"$HOLT" doctor --json | grep -q '"tier": "D"' && { echo "skip: nothing here confines tools"; exit 0; }
printf 'one\ntwo\n' >a.txt
"$HOLT" tools call list_dir '{"path": "."}'
"$HOLT" tools call read_file '{"path": "a.txt"}'
"$HOLT" tools call read_file '{"path": "b.txt"}'
echo "exit $?"
"$HOLT" tools call write_file '{"path": "b.txt", "content": "x"}'
echo "exit $?"
"$HOLT" tools call write_file '{"path": "b.txt", "content": "x\n"}' --allow write && cat b.txt
"$HOLT" tools call run_command '{"command": "cat a.txt; exit 3"}' --allow run
"$HOLT" tools call read_file '{"path": "../home/x"}'
"$HOLT" tools call nosuch '{}'
"$HOLT" tools call calculate '{"expression": "6 * 7"}' --json
"$HOLT" tools call calculate 'no json'
