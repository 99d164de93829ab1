/* SPDX-License-Identifier: Apache-2.0 */
/* The bodies of the checks in operation_checks.c. */
#pragma once

#include "selftest/check.h"

check_body check_add;
