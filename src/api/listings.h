/*
 * listings - what clients ask about the server: models, capabilities, health, figures.
 *
 * Every listing of a model shows the context that is in force, in the field where the protocol's
 * clients look for it. Functions are rows of route.c; see there.
 */
#pragma once

#include "api/route.h"

route_answer_fn listings_v1_models, listings_v1_model, listings_tags, listings_running,
    listings_show, listings_version, listings_health, listings_props, listings_slots;
route_print_fn listings_greeting, listings_metrics;
