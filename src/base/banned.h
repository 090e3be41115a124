/*
 * banned - force-included into every file: functions that holt does not call.
 *
 * Unbounded string functions, functions that hide errors, and the allocator outside of base/mem.c.
 * What only one folder may call (open, socket, fork: os/ and sandbox/) is checked by dev/tidy.py.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#pragma GCC poison strcpy strcat strncpy strncat strtok gets atoi atol atof
#ifndef __clang__ /* there the fortified header already made them macros */
#    pragma GCC poison sprintf vsprintf
#endif
#pragma GCC poison popen rand srand tmpnam mktemp tempnam
