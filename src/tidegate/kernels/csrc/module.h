// The parts of the Python module, each in a file of its own.
#pragma once

#include <nanobind/nanobind.h>

namespace tidegate {

void register_attention(nanobind::module_& m);
void register_crf(nanobind::module_& m);
void register_ctc(nanobind::module_& m);

}  // namespace tidegate
