/*
 * clean_text - text from a model, a tool or a file, made safe to show on a terminal.
 *
 * What could move the cursor, change the screen, type for the user or make text look like other
 * text is removed: C0 and C1 control characters except newline and tab, whole escape sequences
 * (ESC [ ... m, ESC ] ... BEL, and the like), direction overrides, invisible tag characters.
 * Invalid UTF-8 becomes U+FFFD. Everything else passes unchanged.
 *
 * A cleaner is fed pieces cut anywhere; the result is the same as for the whole text. Zeroed is a
 * fresh cleaner.
 *
 * Threads: one at a time.
 */
#pragma once

#include "base/str.h"
#include "base/strbuf.h"

#include <stdint.h>

enum {
    /* A sequence longer than this was none: what follows is shown again. */
    CLEAN_TEXT_SEQUENCE_MAX = 4096
};

enum clean_text_state {
    CLEAN_TEXT_PLAIN = 0,
    CLEAN_TEXT_ESCAPE,  /* after ESC */
    CLEAN_TEXT_CONTROL, /* after CSI, until a final byte */
    CLEAN_TEXT_STRING,  /* in OSC, DCS, APC, PM or SOS, until BEL or ST */
    CLEAN_TEXT_STRING_ESCAPE
};

struct clean_text {
    enum clean_text_state state;
    unsigned sequence_len;
    uint8_t pending[4]; /* the beginning of a character */
    uint8_t pending_len;
};

/* Appends the clean form of `piece` to `out`. */
void clean_text_feed(struct clean_text *cleaner, struct str piece, struct strbuf *out);

/* Ends the text: a character that was cut short becomes U+FFFD. The cleaner is fresh again. */
void clean_text_end(struct clean_text *cleaner, struct strbuf *out);

/* The whole of a text on one line: as above, and newline and tab become a space. */
void clean_text_line(struct str text, struct strbuf *out);

/* The whole of a text with every line kept. */
void clean_text_whole(struct str text, struct strbuf *out);

/* For what a person must see in full before allowing it: nothing is left out. Control characters
 * and deceptive ones become visible (\x1b, \u202e), an invalid byte \xff; newlines are kept. */
void clean_text_visible(struct str text, struct strbuf *out);
