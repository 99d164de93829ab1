/* SPDX-License-Identifier: Apache-2.0 */
/* The HTML page of the report, which the build embeds from src/track/report/. */
#pragma once

/* The parts of the page that are the same in every report. The program writes the report's lines
 * for the head after the first part, and its document after the second. */
typedef struct report_page_parts {
    const char *before_head, *before_document, *after_document;
} report_page_parts;

extern const report_page_parts report_page;
