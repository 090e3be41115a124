/*
 * segment - where a piece of text comes from.
 *
 * Every byte of a prompt and every token of a session has an origin. Only SEGMENT_TEMPLATE text may
 * become control tokens; whatever a person, a model, a tool or a page wrote never can, however it
 * is spelled. Ordered by how far the text is trusted: what is made from two texts has the larger
 * of their origins.
 */
#pragma once

#include <stddef.h>

enum segment_origin {
    SEGMENT_TEMPLATE, /* written by the chat template (and roles, and the texts of BOS and EOS) */
    SEGMENT_SYSTEM,   /* system message, tool schemas, extra template variables */
    SEGMENT_USER,
    SEGMENT_MODEL,  /* generated: answers, reasoning, tool names and arguments */
    SEGMENT_MEMORY, /* notes kept from earlier sessions */
    SEGMENT_TOOL,   /* results of tools */
    SEGMENT_WEB,    /* pages and messages from the network */
};

enum { SEGMENT_ORIGIN_COUNT = SEGMENT_WEB + 1 };

/* Bytes [offset, offset + length) of a text have one origin. The runs of a text are in order,
 * cover it without gaps, and neighbours differ. */
struct segment_run {
    size_t offset;
    size_t length;
    enum segment_origin origin;
};

/* Whichever of the two is less trusted. */
static inline enum segment_origin segment_merge(enum segment_origin a, enum segment_origin b)
{
    return a > b ? a : b;
}
