/*
 * Ratios to other programs are believed: a figure read from the wrong column, or compared with what
 * it does not stand beside, would be worse than none. The texts below are what the peers'
 * benchmarks print; what is drawn and written is checked for what a reader would look for.
 */
#include "base/strbuf.h"
#include "cli/bench_chart.h"
#include "cli/bench_csv.h"
#include "cli/bench_peer.h"
#include "cli/bench_plan.h"
#include "cli/bench_report.h"
#include "cli/bench_rows.h"
#include "cli/style.h"
#include "tests/holt_test.h"

#include <math.h>

#define assert_fails(expected, call)          \
    do {                                      \
        struct error error_ = {0};            \
        struct error *err = &error_;          \
        assert_int_equal((call), (expected)); \
        assert_true(error_.text[0] != '\0');  \
    } while (0)

static const char json[] =
    "load_backend: [cpu]\n"
    "[\n  {\n    \"build_commit\": \"d32676d77\",\n    \"n_threads\": 2,\n"
    "    \"type_k\": \"f16\",\n    \"type_v\": \"f16\",\n    \"n_prompt\": 512,\n"
    "    \"n_gen\": 0,\n    \"n_depth\": 0,\n    \"avg_ns\": 11325000000,\n"
    "    \"avg_ts\": 45.209,\n    \"stddev_ts\": 0.1,\n    \"samples_ts\": [ 45.209 ]\n  },\n"
    "  {\n    \"type_k\": \"q8_0\",\n    \"type_v\": \"q4_0\",\n    \"n_prompt\": 0,\n"
    "    \"n_gen\": 24,\n    \"n_depth\": 4096,\n    \"avg_ts\": 10.5,\n"
    "    \"samples_ts\": [ 10.5 ]\n  },\n"
    "  {\n    \"n_prompt\": 512,\n    \"n_gen\": 128,\n    \"n_depth\": 0,\n"
    "    \"avg_ts\": 33.3\n  }\n]\n";

static const char csv[] =
    "build_commit,cpu_info,n_threads,type_k,type_v,n_prompt,n_gen,n_depth,avg_ns,avg_ts\n"
    "\"d32676d77\",\"AMD EPYC, 9R14\",\"2\",\"f16\",\"f16\",\"512\",\"0\",\"0\",\"1\",\"45.209\"\n"
    "\"d32676d77\",\"AMD EPYC, 9R14\",\"2\",\"q8_0\",\"q4_0\",\"0\",\"24\",\"4096\",\"1\","
    "\"10.5\"\n";

static const char jsonl[] =
    "{\"type_k\": \"f16\", \"n_prompt\": 512, \"n_gen\": 0, \"n_depth\": 0, \"avg_ts\": 45.209}\n"
    "{\"type_k\": \"q8_0\", \"type_v\": \"q4_0\", \"n_prompt\": 0, \"n_gen\": 24, "
    "\"n_depth\": 4096, \"avg_ts\": 10.5}\n";

static const char markdown[] =
    "| model                  |       size |     params | type_k | type_v |            test |"
    "                  t/s |\n"
    "| ---------------------- | ---------: | ---------: | -----: | -----: | --------------: |"
    " -------------------: |\n"
    "| qwen3 4B Q4_K - Medium |   2.32 GiB |     4.02 B |    f16 |    f16 |           pp512 |"
    "       45.209 ± 0.10 |\n"
    "| qwen3 4B Q4_K - Medium |   2.32 GiB |     4.02 B |   q8_0 |   q4_0 |    tg24 @ d4096 |"
    "         10.50 ± 0.02 |\n"
    "| qwen3 4B Q4_K - Medium |   2.32 GiB |     4.02 B |    f16 |    f16 |     pp512+tg128 |"
    "         33.30 ± 0.02 |\n\n"
    "build: d32676d77 (1)\n";

static void every_form_of_a_peer_is_read_alike(void **state)
{
    (void)state;
    const char *const texts[] = {json, csv, jsonl, markdown};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct bench_rows rows = {0};
        assert_ok(bench_peer_read(STR("peer"), str_from_c(texts[i]), &rows, err));
        assert_int_equal(rows.count, 2);
        const struct bench_row *prefill = &rows.rows[0];
        const struct bench_row *decode = &rows.rows[1];
        assert_string_equal(prefill->program, "peer");
        assert_int_equal(prefill->test, BENCH_PREFILL);
        assert_int_equal(prefill->tokens, 512);
        assert_int_equal(prefill->depth, 0);
        assert_true(fabs(bench_rows_median(prefill) - 45.209) < 1e-9);
        assert_int_equal(decode->test, BENCH_DECODE);
        assert_int_equal(decode->depth, 4096);
        assert_string_equal(decode->kv, "q8_0/q4_0");
        assert_true(fabs(bench_rows_median(decode) - 10.5) < 1e-9);
        bench_rows_done(&rows);
    }
}

static void batched_figures_are_those_of_all_sequences(void **state)
{
    (void)state;
    const char *const texts[] = {
        "main: n_kv_max = 2048\n\n"
        "|    PP |     TG |    B |   N_KV |   T_PP s | S_PP t/s |   T_TG s | S_TG t/s |      T s |"
        "    S t/s |\n"
        "|-------|--------|------|--------|----------|----------|----------|----------|----------|"
        "----------|\n"
        "|    16 |     32 |    8 |    384 |    0.233 |   548.88 |    3.262 |    39.24 |    3.495 |"
        "    73.25 |\n",
        "{\"n_kv_max\": 2048, \"n_batch\": 2048, \"pp\": 16, \"tg\": 32, \"pl\": 8, \"n_kv\": 384, "
        "\"t_pp\": 0.23, \"speed_pp\": 548.88, \"t_tg\": 3.262, \"speed_tg\": 39.24, \"t\": 3.4, "
        "\"speed\": 73.25}\n"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct bench_rows rows = {0};
        assert_ok(bench_peer_read(STR("peer"), str_from_c(texts[i]), &rows, err));
        assert_int_equal(rows.count, 1);
        assert_int_equal(rows.rows[0].test, BENCH_BATCH);
        assert_int_equal(rows.rows[0].sequences, 8);
        assert_true(fabs(bench_rows_median(&rows.rows[0]) - 39.24) < 1e-9);
        bench_rows_done(&rows);
    }
}

static void of_other_text_the_last_number_counts(void **state)
{
    (void)state;
    struct bench_rows rows = {0};
    assert_ok(
        bench_peer_read(STR("odd"), STR("loaded 3 layers\nspeed: 12.75 tokens/s\n"), &rows, err));
    assert_int_equal(rows.count, 1);
    assert_int_equal(rows.rows[0].test, BENCH_DECODE);
    assert_true(fabs(bench_rows_median(&rows.rows[0]) - 12.75) < 1e-9);
    bench_rows_done(&rows);
    const char *const empty[] = {
        "",          "no figure at all\n",   "[",  "[{", "{\"avg_ts\": {}}",
        "|t/s|\n||", "avg_ts,n_gen\n,,,,\n", "0\n"};
    for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
        assert_fails(E_FORMAT, bench_peer_read(STR("odd"), str_from_c(empty[i]), &rows, err));
        assert_int_equal(rows.count, 0);
    }
}

static void a_command_runs_with_the_model_and_the_threads(void **state)
{
    (void)state;
    struct bench_peer peer;
    struct bench_rows rows = {0};
    assert_ok(bench_peer_parse("p=echo \"$HOLT_MODEL has $HOLT_THREADS\"; echo chatter 99 >&2",
                               &peer, err));
    assert_ok(bench_peer_run(&peer, "/a model", 7, &rows, err));
    assert_true(bench_rows_median(&rows.rows[0]) > 6.9 && bench_rows_median(&rows.rows[0]) < 7.1);
    bench_rows_done(&rows);
    assert_ok(
        bench_peer_parse("p=echo 'loaded 3 layers' >&2; printf '| TG | B | S_TG t/s |\\n| 8 | 4 | "
                         "12.5 |\\ntime 99 ms\\n' >&2",
                         &peer, err));
    assert_ok(bench_peer_run(&peer, NULL, 1, &rows, err));
    assert_int_equal(rows.rows[0].sequences, 4);
    assert_true(bench_rows_median(&rows.rows[0]) == 12.5);
    bench_rows_done(&rows);
    assert_ok(bench_peer_parse("p=echo 'took 99 ms' >&2", &peer, err));
    assert_fails(E_FORMAT, bench_peer_run(&peer, NULL, 1, &rows, err));
    assert_ok(bench_peer_parse("p=echo 5; echo why not >&2; exit 3", &peer, err));
    struct error why = {0};
    assert_int_equal(bench_peer_run(&peer, NULL, 1, &rows, &why), E_IO);
    assert_non_null(strstr(why.text, "exit code 3: why not"));
    assert_int_equal(rows.count, 0);
    const char *const wrong[] = {"",      "=x",     "name",
                                 "name=", "holt=x", "a name that is far too long to be one=x"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_fails(E_INVALID, bench_peer_parse(wrong[i], &peer, err));
}

/* ---------------------------------------------------------------- figures */

static void add(struct bench_rows *rows, const char *program, const char *kv, enum bench_test test,
                uint32_t depth, double value)
{
    struct bench_row row = {.test = test, .depth = depth, .tokens = 512};
    snprintf(row.program, sizeof(row.program), "%s", program);
    snprintf(row.kv, sizeof(row.kv), "%s", kv);
    bench_rows_add(rows, &row, value);
}

static void fill(struct bench_rows *rows)
{
    static const double own[] = {20, 10, 40};
    static const double theirs[] = {10, 4, 10};
    for (int turn = 0; turn < 3; turn++) {
        add(rows, "holt", "f16", BENCH_PREFILL, 0, 100);
        add(rows, "holt", "f16", BENCH_DECODE, 0, own[turn]);
        add(rows, "holt", "f16", BENCH_DECODE, 4096, own[turn] / 2);
        add(rows, "holt", "t4", BENCH_DECODE, 4096, own[turn] / 1.25);
        add(rows, "a & b", "q8_0", BENCH_DECODE, 4096, theirs[turn] / 2);
        add(rows, "a & b", "q8_0", BENCH_DECODE, 777, 3);
    }
}

static void a_ratio_is_the_median_of_the_ratios_of_a_turn(void **state)
{
    (void)state;
    struct bench_rows rows = {0};
    fill(&rows);
    assert_int_equal(rows.count, 6);
    const struct bench_row *peer = &rows.rows[4];
    const struct bench_row *own = bench_rows_like(&rows, peer, "holt", "f16");
    assert_non_null(own);
    assert_true(fabs(bench_rows_median(own) - 10) < 1e-9);
    assert_true(fabs(bench_rows_ratio(own, peer) - 2.5) < 1e-9);      /* of 2, 2.5 and 4 */
    assert_null(bench_rows_like(&rows, &rows.rows[5], "holt", NULL)); /* no such depth */
    add(&rows, "holt", "f16", BENCH_DECODE, 0, NAN);
    add(&rows, "holt", "f16", BENCH_DECODE, 0, INFINITY);
    add(&rows, "holt", "f16", BENCH_DECODE, 0, -1);
    assert_int_equal(rows.rows[1].value_count, 3);
    for (int i = 0; i < 2 * BENCH_TURNS_MAX; i++)
        add(&rows, "holt", "f16", BENCH_DECODE, 0, 1);
    assert_int_equal(rows.rows[1].value_count, BENCH_TURNS_MAX);
    bench_rows_done(&rows);
}

static void rows_survive_the_way_between_processes(void **state)
{
    (void)state;
    struct bench_rows rows = {0};
    struct bench_rows again = {0};
    fill(&rows);
    json_t *array = bench_rows_json(&rows);
    assert_ok(bench_rows_read(&again, array, err));
    assert_int_equal(again.count, rows.count);
    for (size_t i = 0; i < rows.count; i++) {
        assert_true(bench_rows_alike(&rows.rows[i], &again.rows[i]));
        assert_string_equal(rows.rows[i].program, again.rows[i].program);
        assert_string_equal(rows.rows[i].kv, again.rows[i].kv);
        assert_true(fabs(bench_rows_median(&rows.rows[i]) - bench_rows_median(&again.rows[i])) <
                    1e-9);
    }
    json_object_del(json_array_get(array, 2), "depth");
    assert_fails(E_FORMAT, bench_rows_read(&again, array, err));
    json_decref(array);
    bench_rows_done(&rows);
    bench_rows_done(&again);
}

static void a_table_has_a_line_for_each_figure(void **state)
{
    (void)state;
    struct bench_rows rows = {0};
    struct strbuf out = {0};
    struct strbuf name = {0};
    const struct bench_place place = {.model = STR("Tiny, \"4B\""),
                                      .cpu = "AMD EPYC 9R14",
                                      .level = "avx512",
                                      .commit = "1bbfccb",
                                      .thread_count = 2,
                                      .unix_seconds = 1795709700};
    fill(&rows);
    bench_csv_write(&rows, &place, &out);
    assert_non_null(strstr(strbuf_c(&out), "date,cpu,level,threads,commit,model,program,test,kv,"));
    assert_non_null(
        strstr(strbuf_c(&out),
               "2026-11-26T16:15:00Z,AMD EPYC 9R14,avx512,2,1bbfccb,\"Tiny, \"\"4B\"\"\",a & b,"
               "decode,q8_0,512,4096,1,tokens/s,5,2,5,3,,2.5000\n"));
    size_t lines = 0;
    for (size_t i = 0; i < out.len; i++)
        lines += out.ptr[i] == '\n';
    assert_int_equal(lines, rows.count + 1);
    bench_csv_name(&place, &name);
    assert_string_equal(strbuf_c(&name), "20261126-161500_amd-epyc-9r14_1bbfccb.csv");
    strbuf_done(&name);
    strbuf_done(&out);
    bench_rows_done(&rows);
}

static void a_chart_has_a_line_for_each_program_and_kind(void **state)
{
    (void)state;
    struct bench_rows rows = {0};
    struct strbuf out = {0};
    assert_false(bench_chart_write(&rows, STR("x"), STR("y"), &out));
    assert_int_equal(out.len, 0);
    fill(&rows);
    assert_true(bench_chart_write(&rows, STR("<b>"), STR("c & d"), &out));
    size_t lines = 0;
    for (const char *at = strbuf_c(&out); (at = strstr(at, "<path class=\"line")); at++)
        lines++;
    assert_int_equal(lines, 3);
    assert_non_null(strstr(strbuf_c(&out), "&lt;b>"));
    assert_non_null(strstr(strbuf_c(&out), ">a &amp; b q8_0</text>"));
    assert_non_null(strstr(strbuf_c(&out), ">4K</text>"));
    assert_non_null(strstr(strbuf_c(&out), "prefers-color-scheme:dark"));
    assert_null(strstr(strbuf_c(&out), "nan"));
    strbuf_done(&out);
    bench_rows_done(&rows);
}

static void a_report_says_how_much_faster(void **state)
{
    (void)state;
    struct bench_rows rows = {0};
    struct strbuf out = {0};
    json_t *facts =
        json_pack("{s:s, s:f, s:i}", "model", "Tiny", "prefill_tps", 100.0, "threads", 2);
    fill(&rows);
    bench_report_write(facts, &rows, "f16", &style_plain, &out);
    assert_non_null(strstr(strbuf_c(&out), "a & b q8_0"));
    assert_non_null(strstr(strbuf_c(&out), "2.50x"));
    assert_non_null(strstr(strbuf_c(&out), "behind    4096"));
    json_decref(facts);
    strbuf_done(&out);
    bench_rows_done(&rows);
}

static void options_that_are_wrong_are_named(void **state)
{
    (void)state;
    struct bench_plan plan;
    const struct bench_args good = {.kv = "f16,t4/t3", .prompt = "512,64", .depth = "0,4096"};
    assert_ok(bench_plan_read(&good, &plan, err));
    assert_int_equal(plan.kind_count, 2);
    assert_int_equal(plan.kinds[1], KV_KIND_T4_T3);
    assert_int_equal(plan.lengths.of[1], 64);
    assert_int_equal(plan.depths.of[1], 4096);
    assert_int_equal(plan.turn_count, 1);
    assert_true(plan.sweeps);
    struct bench_args bad = good;
    bad.kv = "f16,f16";
    assert_fails(E_INVALID, bench_plan_read(&bad, &plan, err));
    bad.kv = "f16,";
    assert_fails(E_INVALID, bench_plan_read(&bad, &plan, err));
    const char *const lists[] = {"", "a", "1,", "-1", "1,,2", "99999999", "99999999999999999999"};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        bad = good;
        bad.depth = lists[i];
        assert_fails(E_INVALID, bench_plan_read(&bad, &plan, err));
    }
    bad = good;
    bad.prompt = "0";
    assert_fails(E_INVALID, bench_plan_read(&bad, &plan, err));
    bad = good;
    bad.peers = (struct option_list){.items = {"a=x", "a=y"}, .count = 2};
    assert_fails(E_INVALID, bench_plan_read(&bad, &plan, err));
}

int test_bench(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_a_peer_is_read_alike),
        cmocka_unit_test(batched_figures_are_those_of_all_sequences),
        cmocka_unit_test(of_other_text_the_last_number_counts),
        cmocka_unit_test(a_command_runs_with_the_model_and_the_threads),
        cmocka_unit_test(a_ratio_is_the_median_of_the_ratios_of_a_turn),
        cmocka_unit_test(rows_survive_the_way_between_processes),
        cmocka_unit_test(a_table_has_a_line_for_each_figure),
        cmocka_unit_test(a_chart_has_a_line_for_each_program_and_kind),
        cmocka_unit_test(a_report_says_how_much_faster),
        cmocka_unit_test(options_that_are_wrong_are_named),
    };
    return cmocka_run_group_tests_name("bench", tests, NULL, NULL);
}
