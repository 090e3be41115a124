# Sessions of an older day, newest first; beginnings of ids are enough; one is shown, one removed.
command -v sqlite3 >/dev/null || { echo "skip: sqlite3 is not here"; exit 0; }
mkdir state
"$HOLT" sessions --state state 2>/dev/null
sqlite3 state/holt.db "INSERT INTO session VALUES
 ('abcdef', '/home/user/project', 'builtin', 'builtin-1', 'how many lines has a.txt?', 1500000000000, 1500000000000),
 ('abcxyz', '/home/user/notes', 'builtin', 'builtin-1', 'a title that is much too long for one line of the list, so that it has to be cut somewhere', 1500000000000, 1600000000000);
INSERT INTO entry VALUES ('abcdef', 1, 'user', '{\"role\": \"user\", \"content\": \"how many lines has a.txt?\"}', 1500000000000);"
export TZ=UTC
"$HOLT" sessions --state state
"$HOLT" sessions --state state -n 1 --json
"$HOLT" sessions --state state --show abcd
"$HOLT" sessions --state state --show abc
"$HOLT" sessions --state state --remove abcx
"$HOLT" sessions --state state
