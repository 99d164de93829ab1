/* SPDX-License-Identifier: Apache-2.0 */
/* The table of checks, and which networks need which; see check.h. */
#include "selftest/operation_checks.h"

const operation_check operation_checks[] = {
    {"add", check_add, NODE_ADD, false, NULL},
    {NULL, NULL, CHECK_EVERY_NETWORK, false, NULL},
};

static bool has_node(const graph *g, int kind)
{
    for (int i = 0; i < g->count; i++)
        if ((int)g->nodes[i].kind == kind)
            return true;
    return false;
}

bool operation_check_needed(const operation_check *c, const graph *g, const network_options *o)
{
    return (c->kind == CHECK_EVERY_NETWORK || has_node(g, c->kind)) &&
           (!c->training || o->training) && (!c->also || c->also(g, o));
}
