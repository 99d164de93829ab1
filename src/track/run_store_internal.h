/* SPDX-License-Identifier: Apache-2.0 */
/* The handle of a store, for the files that fill and read its tables. */
#ifndef HCNN_TRACK_RUN_STORE_INTERNAL_H
#define HCNN_TRACK_RUN_STORE_INTERNAL_H

#include "track/database.h"
#include "track/run_store.h"

struct run_store {
    database db;
    char *directory;
};

#endif
