-- holt.db as version 1 of the schema left it. Never edited: a new version gets a new file.
CREATE TABLE session (id TEXT PRIMARY KEY, workspace TEXT NOT NULL, model TEXT NOT NULL, profile TEXT NOT NULL, title TEXT NOT NULL DEFAULT '', created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX session_by_time ON session (updated_ms DESC);
CREATE TABLE entry (session_id TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE, number INTEGER NOT NULL, role TEXT NOT NULL, message TEXT NOT NULL, created_ms INTEGER NOT NULL, PRIMARY KEY (session_id, number)) STRICT, WITHOUT ROWID;
INSERT INTO session VALUES ('k3f9qa', '/home/user/project', 'builtin', 'builtin-1', 'how many lines has a.txt?', 1780000000000, 1780000003000);
INSERT INTO entry VALUES ('k3f9qa', 1, 'user', '{"role": "user", "content": "how many lines has a.txt?"}', 1780000000000);
INSERT INTO entry VALUES ('k3f9qa', 2, 'assistant', '{"role": "assistant", "content": "", "tool_calls": [{"name": "read_file", "arguments": {"path": "a.txt"}}]}', 1780000001000);
INSERT INTO entry VALUES ('k3f9qa', 3, 'tool', '{"role": "tool", "name": "read_file", "content": "a.txt: 0 lines"}', 1780000002000);
PRAGMA user_version = 1;
