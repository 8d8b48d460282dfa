# Meanwhile at the HR system: one is hired, one leaves, one marries, one moves, one is removed
call() { "$(dirname "$0")/../perl/hris-simulator" --call "$STAKESYNC_SIM_URL" POST "$1" "$2" >/dev/null; }
call /control/hire '{"first_name": "Nora", "last_name": "Newhouse", "employee_number": "000900", "work_email": "nora.newhouse@lindwurm.example"}'
call /control/leave '{"employee_number": "000124"}'
call /control/change '{"employee_number": "000125", "set": {"last_name": "Marriedname"}}'
call /control/change '{"employee_number": "000126", "set": {"city": "Lugano"}}'
call /control/remove '{"employee_number": "000127"}'
