// commands.h - the commands of imakeep: each adds itself to the command line.
//
// A command's callback stores its exit code through `exit_code` and prints nothing but its result to standard output.
#pragma once

#include <CLI/CLI.hpp>

namespace imakeep::app {

void add_list_serve(CLI::App& list, int& exit_code);
void add_list_clients(CLI::App& list, int& exit_code);
void add_keep(CLI::App& root, int& exit_code);
void add_status(CLI::App& root, int& exit_code);
void add_doctor(CLI::App& root, int& exit_code);
void add_view(CLI::App& root, int& exit_code);
void add_verify(CLI::App& root, int& exit_code);
void add_log(CLI::App& root, int& exit_code);
void add_log_import(CLI::App& log, int& exit_code);
void add_log_retire(CLI::App& log, int& exit_code);
void add_conformance(CLI::App& root, int& exit_code);

}  // namespace imakeep::app
