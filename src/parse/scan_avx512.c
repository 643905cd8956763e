#define SCAN_KERNEL scan_avx512
#include "scan_kernel.h"
