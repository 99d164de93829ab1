/* SPDX-License-Identifier: Apache-2.0 */
/* Reports of failed builds; see build_log.h. */
#include "device/build_log.h"
#include "base/file.h"
#include "base/private_file.h"
#include "base/text.h"
#include "device/cache.h"
#include "device/driver_hints.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* Lines of the log that a message shows, and the bytes of each. */
enum { MOST_LINES = 8, MOST_LINE_BYTES = 400 };

/* The whole log; NULL if there is no memory or the driver does not answer. The caller frees it. */
static char *read_log(const device *dev, cl_program program)
{
    size_t bytes = 0;
    cl_device_id id = dev->info.id;
    if (clGetProgramBuildInfo(program, id, CL_PROGRAM_BUILD_LOG, 0, NULL, &bytes) != CL_SUCCESS)
        return NULL;
    char *log = calloc(1, bytes + 1);
    if (log && bytes > 0 &&
        clGetProgramBuildInfo(program, id, CL_PROGRAM_BUILD_LOG, bytes, log, NULL) != CL_SUCCESS) {
        free(log);
        return NULL;
    }
    return log;
}

/* Writes the log to a file. Returns the file's path, which the caller frees; NULL if that fails. */
static char *write_log(const device *dev, const failed_build *failed, const char *log)
{
    error ignored;
    const device_info *info = &dev->info;
    char *directory = file_cache_directory();
    char *path = directory ? text_format("%s/%s-%016llx-build.log", directory, failed->name,
                                         (unsigned long long)failed->key)
                           : NULL;
    char *text = text_format("kernels/%s.cl with the options %s\n%s (%s, %s, driver %s)\n\n%s",
                             failed->name, failed->options, info->name, info->platform_name,
                             info->version, info->driver, log);
    if (!path || !text || private_file_write(path, text, strlen(text), &ignored) != STATUS_OK) {
        free(path);
        path = NULL;
    }
    free(text);
    free(directory);
    return path;
}

/* The first lines that say "error", or the first lines if none does. The caller frees the text;
 * NULL if there is no memory. */
static char *first_errors(const char *log)
{
    char *found = text_format("%s", "");
    const bool any = strcasestr(log, "error") != NULL;
    for (int lines = 0; *log && lines < MOST_LINES;) {
        const size_t length = strcspn(log, "\n");
        char *line =
            text_format("%.*s", (int)(length < MOST_LINE_BYTES ? length : MOST_LINE_BYTES), log);
        if (line && *line && (!any || strcasestr(line, "error"))) {
            text_append(&found, "\n%s", line);
            lines++;
        }
        free(line);
        log += length + (log[length] == '\n');
    }
    return found;
}

/* What is behind a failure for which the compiler gives no error, if that can be guessed: PoCL's
 * says nothing if it lacks memory, of which it takes several hundred megabytes. */
static void guess_cause(const failed_build *failed, const char *log, char *cause, size_t size)
{
    enum { PLENTY = 4096 }; /* MiB */
    struct rlimit most;
    *cause = '\0';
    if (failed->code == CL_BUILD_PROGRAM_FAILURE && (!log || !strcasestr(log, "error:")) &&
        getrlimit(RLIMIT_AS, &most) == 0 && most.rlim_cur >> 20 < PLENTY)
        snprintf(cause, size,
                 "; the cause may be a lack of memory: the process may use %llu MiB; raise that "
                 "limit (ulimit -v)",
                 (unsigned long long)most.rlim_cur >> 20);
}

status build_log_report(const device *dev, const failed_build *failed, error *err)
{
    if (failed->code == CL_OUT_OF_HOST_MEMORY)
        return device_check(dev, err, failed->code, "compiling kernels");
    if (driver_is_pocl(&dev->info))
        TRY(cache_check_pocl_room(err));
    char *log = read_log(dev, failed->program);
    char *path = log ? write_log(dev, failed, log) : NULL;
    char *lines = log ? first_errors(log) : NULL;
    const char *code_name = device_error_name(failed->code);
    char cause[160];
    guess_cause(failed, log, cause, sizeof cause);
    if (path && lines)
        error_set(err, STATUS_FAILED,
                  "kernels/%s.cl does not build on %s: %s (%d)%s; the compiler's log is in %s%s",
                  failed->name, dev->info.name, code_name, failed->code, cause, path, lines);
    else
        error_set(err, STATUS_FAILED, "kernels/%s.cl does not build on %s: %s (%d)%s\n%s",
                  failed->name, dev->info.name, code_name, failed->code, cause,
                  log ? log : "(the driver gives no log)");
    free(lines);
    free(path);
    free(log);
    return STATUS_FAILED;
}
