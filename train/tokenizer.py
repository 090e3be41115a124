"""Byte-level BPE of the built-in model: training, encoding, decoding.

GGUF "gpt2" with pre-tokenizer "qwen2". Letters merge only with letters, so that a name has the
same tokens after a space, a quote, a slash or a line break. Exceptions: a closed list of frequent
words gets a merge with a space before it (last in rank), and some runs of JSON punctuation.
"""
import collections
import json
import sys

import regex

import holt_profile as profile

SPLIT = regex.compile(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+")
MARK = regex.compile("(" + "|".join(regex.escape(m) for m in profile.MARKERS) + ")")


def byte_table():
    """The GPT-2 map of bytes to printable characters."""
    kept = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table, extra = {}, 0
    for byte in range(256):
        if byte in kept:
            table[byte] = chr(byte)
        else:
            table[byte] = chr(256 + extra)
            extra += 1
    return table


BYTES = byte_table()
UNBYTES = {char: byte for byte, char in BYTES.items()}


def shown(text):
    return "".join(BYTES[byte] for byte in text.encode())


# Ranked first: escapes of JSON stay whole before any letter behind them.
FIRST = [("\\", "n"), ("\\", "t")]
# Runs of punctuation, each built left to right of what is there.
PUNCTUATION = [('"', ":"), (" ", '"'), ('"', ","), (" ", "{"), (" {", '"'), ("{", '"'), ("}", "}"),
               ('"', "}}"), ('"}}', "\n"), ("}}", "\n"), ("\n", "\n"), (".", "\n"), ("-", "-"),
               (" ", "="), (" ", "-"), (" ", "+"), (" ", "*"), (" ", "/"), (" ", "("), (" ", "'"),
               (" ", "`"), ('"', "."), ("`", "."), ("'", "."), ('"', "?"), ("`", "?"), ("'", "?"),
               (" ", " "), ("  ", "  "), ("=", "="), (" -", ">"), (")", "?"), (")", "."),
               ('"}', "}"), ('"', "}"), ('"},', " "), ("}", ","), ('"', "],"), ("]", "}")]
SPACED = """the of in to is and a an for it on with from that this my me you i we at by as be are not no
file files folder folders line lines text word value name number what how many much does do did has have
can could would please tell show give find read write replace change add create run list count search look
which where there into all each any contains contain contents content says say said holds hold need want
know get set put make use using called named stored inside under result answer check see first last new
old command note notes found find nothing exist exists mean or if but so its your lines was were will be
exact piece time plus minus times divided multiplied percent than up out folder directory workspace
entry entries match matches machine works only add save copy contains ones one two about just now also
error times it's let's data user allowed changed done wrote edited type description properties required
string integer path minimum maximum default there's here help like with cannot tools""".split()


class Tokenizer:
    def __init__(self, merges):
        """merges: list of (left, right) in shown form, in rank order."""
        self.merges = [tuple(m) for m in merges]
        self.ranks = {}
        self.tokens = list(profile.MARKERS) + [BYTES[b] for b in range(256)]
        self.ids = {token: index for index, token in enumerate(self.tokens)}
        for rank, (left, right) in enumerate(self.merges):
            self.ranks.setdefault((left, right), rank)
            if left + right not in self.ids:
                self.ids[left + right] = len(self.tokens)
                self.tokens.append(left + right)
        self.cache = {}
        self.eos = self.ids["<|im_end|>"]
        self.start = self.ids["<|im_start|>"]

    def piece_ids(self, piece):
        known = self.cache.get(piece)
        if known is not None:
            return known
        parts = [BYTES[b] for b in piece.encode()]
        while len(parts) > 1:
            best = min(range(len(parts) - 1),
                       key=lambda i: (self.ranks.get((parts[i], parts[i + 1]), 1 << 30), i))
            if (parts[best], parts[best + 1]) not in self.ranks:
                break
            parts[best:best + 2] = [parts[best] + parts[best + 1]]
        ids = [self.ids[part] for part in parts]
        if len(self.cache) < 400000:
            self.cache[piece] = ids
        return ids

    def encode(self, text):
        """Plain text; markers in it are not special."""
        ids = []
        for piece in SPLIT.findall(text):
            ids += self.piece_ids(piece)
        return ids

    def encode_marked(self, text):
        ids = []
        for part in MARK.split(text):
            if part in profile.MARKERS:
                ids.append(self.ids[part])
            elif part:
                ids += self.encode(part)
        return ids

    def token_bytes(self, index):
        if index < len(profile.MARKERS):
            return self.tokens[index].encode()
        return bytes(UNBYTES[char] for char in self.tokens[index])

    def decode(self, ids):
        return b"".join(self.token_bytes(i) for i in ids).decode(errors="replace")

    def save(self, path):
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"merges": self.merges}, file, ensure_ascii=False, indent=0)

    @staticmethod
    def load(path):
        with open(path, encoding="utf-8") as file:
            return Tokenizer(json.load(file)["merges"])


def train(word_counts, merge_count):
    """Merges inside runs of letters, most frequent pair first."""
    words = {tuple(shown(word)[i] for i in range(len(shown(word)))): count
             for word, count in word_counts.items() if word.isascii()}
    merges, seen = [], set()
    while len(merges) < merge_count:
        pairs = collections.Counter()
        for word, count in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] += count
        if not pairs:
            break
        pair = max(pairs, key=lambda p: (pairs[p], p))
        merges.append(pair)
        joined, changed = pair[0] + pair[1], {}
        for word, count in words.items():
            if pair[0] in word:
                out, i = [], 0
                while i < len(word):
                    if word[i:i + 2] == pair:
                        out.append(joined)
                        i += 2
                    else:
                        out.append(word[i])
                        i += 1
                word = tuple(out)
            changed[word] = changed.get(word, 0) + count
        words = changed
    return merges


def build(word_counts, letter_merges):
    letters = train(word_counts, letter_merges)
    made = {left + right for left, right in letters}
    as_shown = lambda pair: (shown(pair[0]), shown(pair[1]))
    merges = [as_shown(pair) for pair in FIRST] + letters
    have = {shown(chr(i)) for i in range(128)} | made
    for pair in PUNCTUATION:
        pair = as_shown(pair)
        if pair[0] in have and pair[1] in have:
            merges.append(pair)
            have.add(pair[0] + pair[1])
    for word in dict.fromkeys(SPACED):
        if word in have:
            merges.append((BYTES[32], word))
    return Tokenizer(merges)


if __name__ == "__main__":
    import tasks

    counts = tasks.word_counts()
    tokenizer = build(counts, int(sys.argv[2]) if len(sys.argv) > 2 else 1400)
    tokenizer.save(sys.argv[1])
    prompt = profile.system_text(profile.TOOLS)
    print("tokens", len(tokenizer.tokens), "prompt", len(tokenizer.encode_marked(prompt)))
    missing = [word for word in dict.fromkeys(SPACED) if BYTES[32] + word not in tokenizer.ids]
    print("not spaced:", missing)
