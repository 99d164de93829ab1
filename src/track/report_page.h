/* SPDX-License-Identifier: Apache-2.0 */
/* The HTML page of the report, which the build embeds from src/track/report/. */
#pragma once

/* The parts of the page around what belongs to one report: lines in its head, and its document. */
typedef struct report_page_parts {
    const char *before_head, *before_document, *after_document;
} report_page_parts;

extern const report_page_parts report_page;
