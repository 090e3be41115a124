/*
 * warden_protocol - the messages between front, warden and core. All ends are the same program, so
 * numbers travel as they lie in memory.
 *
 * Used by: sandbox/warden*.c only.
 */
#pragma once

#include "sandbox/sandbox.h"
#include "sandbox/warden.h"

enum warden_message {
    WARDEN_MESSAGE_READY = 1, /* warden -> front: struct warden_ready */
    WARDEN_MESSAGE_QUESTION,  /* warden -> front: struct warden_question, text */
    WARDEN_MESSAGE_WITHDRAWN, /* warden -> front: uint32_t number */
    WARDEN_MESSAGE_ANSWER,    /* front -> warden: struct warden_reply */
    WARDEN_MESSAGE_CALL,      /* core -> warden: struct warden_call, arguments */
    WARDEN_MESSAGE_CANCEL,    /* core -> warden: uint32_t id of the call */
    WARDEN_MESSAGE_RESULT,    /* warden -> core: struct warden_result, text */
};

struct warden_ready {
    enum status status;
    char text[ERROR_TEXT_MAX];
    struct sandbox_report report;
};

struct warden_question {
    uint32_t number;
    char tool_name[WARDEN_NAME_MAX + 1];
};

struct warden_reply {
    uint32_t number;
    uint32_t answer; /* enum warden_answer */
};

struct warden_call {
    uint32_t id;
    uint32_t tool_index;
};

struct warden_result {
    uint32_t id;
    uint32_t was_cancelled;
};

/* Everything a message has in front of its text. */
enum { WARDEN_HEADER_MAX = sizeof(struct warden_ready) };
