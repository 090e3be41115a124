/*
 * system_paths - the parts of the system that programs started by a tool may see, and nothing else.
 *
 * The home folders, /root, /run, /var, /sys, /boot and most of /etc are not among them.
 *
 * Threads: constant tables, each ending with NULL. Used by: sandbox/.
 */
#pragma once

/* Programs and libraries: read and execute. */
extern const char *const system_paths_programs[];

/* Settings without secrets: read. */
extern const char *const system_paths_settings[];

/* Devices: read and write. */
extern const char *const system_paths_devices[];
