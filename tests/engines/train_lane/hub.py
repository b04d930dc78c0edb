"""Data sets by name, where `datasets` is installed: the suite of `tests/test_hub.py`, of which no test may skip."""

from __future__ import annotations

from tests.test_hub import (
    cli,
    fresh,
    repo,
    server,
    test_a_broken_row_is_told_with_its_place,
    test_a_column_that_is_not_there_is_refused_before_the_first_row,
    test_a_command_takes_a_data_set_and_records_it,
    test_a_link_out_of_a_folder_is_refused,
    test_a_name_says_place_split_configuration_and_revision,
    test_a_readme_cannot_name_files_outside,
    test_no_code_of_a_data_set_runs_and_no_pickle_is_read,
    test_offline_is_told,
    test_rows_of_a_folder_by_split_and_configuration,
    test_rows_of_a_hub_are_streamed_at_one_commit,
    test_what_is_no_name_is_refused,
    test_what_is_not_there_is_told,
    test_what_the_hub_does_not_give_is_told,
    test_without_the_library_what_to_install_is_said,
)

__all__ = [
    "cli",
    "fresh",
    "repo",
    "server",
    "test_a_broken_row_is_told_with_its_place",
    "test_a_column_that_is_not_there_is_refused_before_the_first_row",
    "test_a_command_takes_a_data_set_and_records_it",
    "test_a_link_out_of_a_folder_is_refused",
    "test_a_name_says_place_split_configuration_and_revision",
    "test_a_readme_cannot_name_files_outside",
    "test_no_code_of_a_data_set_runs_and_no_pickle_is_read",
    "test_offline_is_told",
    "test_rows_of_a_folder_by_split_and_configuration",
    "test_rows_of_a_hub_are_streamed_at_one_commit",
    "test_what_is_no_name_is_refused",
    "test_what_is_not_there_is_told",
    "test_what_the_hub_does_not_give_is_told",
    "test_without_the_library_what_to_install_is_said",
]
