/* SPDX-License-Identifier: Apache-2.0 */
/* What is known about drivers with faults, from docs/drivers.md and from what others have met. */
#pragma once

#include "device/device.h"

/* The next advice about this device's driver, or NULL if there is no more. *at is 0 before the
 * first call. */
const char *driver_hint(const device_info *info, size_t *at);

bool driver_is_pocl(const device_info *info);

/* Whether the driver may end the process if several open devices of it run the same kernel at the
 * same time. */
bool driver_confuses_devices(const device_info *info);

/* Whether the driver keeps compiled kernels itself, so that a second copy of them would cost more
 * time than it saves. */
bool driver_keeps_programs(const device_info *info);
