#define SCAN_KERNEL scan_avx2
#include "scan_kernel.h"
