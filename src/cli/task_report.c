#include "cli/task_report.h"

#include "agent/agent.h"
#include "cli/front_protocol.h"
#include "text/clean_text.h"
#include "text/json.h"

void task_report_done(struct task_report *report)
{
    strbuf_done(&report->answer);
    json_decref(report->calls);
    json_decref(report->notices);
    *report = (struct task_report){0};
}

/* Valid UTF-8 without control characters a terminal would obey; what a tool gave is data. */
static json_t *clean_string(struct str text)
{
    CLEANUP(strbuf_done) struct strbuf clean = {0};
    clean_text_whole(text, &clean);
    return json_stringn(strbuf_c(&clean), clean.len);
}

static void add_call(struct task_report *report, const struct front_message *message)
{
    json_t *arguments = NULL;
    if (json_parse(message->text, NULL, &arguments, NULL) != OK)
        arguments = clean_string(message->text);
    if (!report->calls)
        report->calls = json_array();
    json_array_append_new(report->calls,
                          json_pack("{s:o, s:o, s:s, s:b}", "tool", clean_string(message->name),
                                    "arguments", arguments, "result", "", "is_error", 0));
}

static void add_result(struct task_report *report, const struct front_message *message)
{
    json_t *call = json_array_get(report->calls, json_array_size(report->calls) - 1);
    json_object_set_new(call, "result", clean_string(message->text));
    json_object_set_new(call, "is_error", json_boolean(message->flag));
}

void task_report_add(struct task_report *report, const struct front_message *message)
{
    if (message->kind == FRONT_TEXT) {
        strbuf_add_str(&report->answer, message->text);
    } else if (message->kind == FRONT_CALL) {
        strbuf_clear(&report->answer); /* a remark before a call is no answer */
        add_call(report, message);
    } else if (message->kind == FRONT_RESULT && json_array_size(report->calls) > 0) {
        add_result(report, message);
    } else if (message->kind == FRONT_NOTICE) {
        if (!report->notices)
            report->notices = json_array();
        json_array_append_new(report->notices, clean_string(message->text));
    }
}

const char *task_report_end_name(const struct front_message *finished)
{
    if (finished->numbers[FRONT_FINISHED_STATUS] != OK)
        return "error";
    switch ((enum agent_end)finished->numbers[FRONT_FINISHED_END]) {
    case AGENT_END_ANSWER: return "answer";
    case AGENT_END_STEPS: return "steps";
    case AGENT_END_CONTEXT: return "context";
    case AGENT_END_CANCELLED: return "cancelled";
    }
    return "error";
}

static json_t *copy_list(const json_t *list)
{
    return list ? json_copy((json_t *)(uintptr_t)list) : json_array();
}

json_t *task_report_make(const struct task_report *report, const struct front_message *finished,
                         const char *error_text)
{
    json_t *object = json_object();
    const bool has_answer = finished && finished->numbers[FRONT_FINISHED_STATUS] == OK &&
                            finished->numbers[FRONT_FINISHED_END] == AGENT_END_ANSWER;
    json_object_set_new(object, "answer",
                        has_answer ? clean_string(strbuf_view(&report->answer)) : json_null());
    json_object_set_new(object, "end",
                        json_string(finished ? task_report_end_name(finished) : "error"));
    static const struct {
        const char *name;
        enum front_finished number;
    } numbers[] = {
        {"steps", FRONT_FINISHED_STEPS},
        {"tool_calls", FRONT_FINISHED_CALLS},
        {"failed_calls", FRONT_FINISHED_FAILED_CALLS},
        {"prompt_tokens", FRONT_FINISHED_PROMPT_TOKENS},
        {"cached_tokens", FRONT_FINISHED_CACHED_TOKENS},
        {"generated_tokens", FRONT_FINISHED_GENERATED_TOKENS},
        {"drafted_tokens", FRONT_FINISHED_DRAFTED_TOKENS},
        {"accepted_tokens", FRONT_FINISHED_ACCEPTED_TOKENS},
        {"context_tokens", FRONT_FINISHED_CONTEXT_TOKENS},
    };
    if (finished) {
        json_object_set_new(object, "session", clean_string(finished->name));
        for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
            json_object_set_new(object, numbers[i].name,
                                json_integer((json_int_t)finished->numbers[numbers[i].number]));
        const double seconds = (double)finished->numbers[FRONT_FINISHED_MICROSECONDS] / 1e6;
        json_object_set_new(object, "seconds", json_real(seconds));
    }
    json_object_set_new(object, "calls", copy_list(report->calls));
    json_object_set_new(object, "notices", copy_list(report->notices));
    if (finished && finished->text.len > 0)
        json_object_set_new(object, "error", clean_string(finished->text));
    else
        json_object_set_new(object, "error",
                            error_text ? clean_string(str_from_c(error_text)) : json_null());
    return object;
}
