#define SCAN_KERNEL scan_plain
#include "scan_kernel.h"
