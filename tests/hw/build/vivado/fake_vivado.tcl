# Pretends to be Vivado: takes the commands that a build uses, with the options that UG835 gives them and no others,
# checks that files are there, and makes results as FAKE_RESULT says. Each call is a line of calls.txt.

array set options {
    check_timing {-verbose 0 -file 1}
    create_clock {-name 1 -period 1}
    create_ip {-vlnv 1 -module_name 1 -dir 1}
    create_project {-in_memory 0 -part 1}
    generate_target {}
    get_cells {-hierarchical 0 -filter 1}
    get_clocks {-quiet 0}
    get_drc_checks {}
    get_ips {}
    get_pins {-hierarchical 0 -filter 1}
    get_property {}
    get_timing_paths {-quiet 0 -delay_type 1 -max_paths 1}
    opt_design {}
    phys_opt_design {}
    place_design {}
    read_verilog {}
    read_xdc {}
    report_clocks {-file 1}
    report_drc {-file 1}
    report_timing_summary {-delay_type 1 -max_paths 1 -report_unconstrained 0 -file 1}
    report_utilization {-hierarchical 0 -hierarchical_depth 1 -file 1}
    route_design {}
    set_input_jitter {}
    set_property {-dict 1}
    synth_design {-top 1 -part 1}
    synth_ip {}
    version {-short 0}
    write_bitstream {-force 0}
    write_checkpoint {-force 0}
}
set result [expr {[info exists env(FAKE_RESULT)] ? $env(FAKE_RESULT) : "met"}]
set clocks {}
array set slacks {max 0.521 min 0.036}
if {$result eq "missed"} { set slacks(max) -2.5 }
if {$result eq "hold"} { set slacks(min) -0.2 }

foreach command [array names options] {
    proc $command args "return \[called $command \$args\]"
}

proc called {command arguments} {
    global options
    set log [open calls.txt a]
    puts $log [list $command {*}$arguments]
    close $log
    array set allowed $options($command)
    array set given {}
    set plain {}
    for {set i 0} {$i < [llength $arguments]} {incr i} {
        set argument [lindex $arguments $i]
        if {![string match -* $argument]} {
            lappend plain $argument
        } elseif {![info exists allowed($argument)]} {
            error "$command has no option $argument"
        } elseif {$allowed($argument)} {
            set given($argument) [lindex $arguments [incr i]]
        } else {
            set given($argument) 1
        }
    }
    if {[info exists given(-file)]} { made $given(-file) $command }
    if {[llength [info procs does_$command]]} { return [does_$command [array get given] $plain] }
}

proc made {path text} {
    set file [open $path w]
    puts $file $text
    close $file
}

proc does_version {given plain} { return 2024.1 }
proc does_get_ips {given plain} { return $plain }
proc does_read_verilog {given plain} { if {![file exists $plain]} { error "no file $plain" } }
proc does_read_xdc {given plain} { uplevel #0 source $plain }
proc does_synth_design {given plain} { if {$::result eq "crash"} { puts "ERROR: \[Synth 8-439\] module missing"; exit 1 } }
proc does_get_pins {given plain} {
    if {$plain ne ""} { return $plain }
    return [string trimleft [lindex [dict get $given -filter] end] *]
}
proc does_create_clock {given plain} {
    if {$plain eq "" || $::result eq "no pin"} { puts "CRITICAL WARNING: no valid object"; return }
    set ::clocks [list fabric]
    set ::clock_period [dict get $given -period]
    if {$::result eq "other period"} { set ::clock_period [expr {2 * $::clock_period}] }
}
proc does_get_clocks {given plain} { return $::clocks }
proc does_check_timing {given plain} {
    set text {}
    foreach kind {no_clock multiple_clock loops latch_loops unconstrained_internal_endpoints} {
        if {$::result ne "without $kind"} { append text "1. checking $kind ([expr {$kind eq $::result ? 7 : 0}])\n" }
    }
    made [dict get $given -file] $text
}
proc does_get_timing_paths {given plain} {
    if {$::result eq "untimed"} { return {} }
    return [dict get $given -delay_type]
}
proc does_get_property {given plain} {
    lassign $plain name object
    switch $name {
        PERIOD { return $::clock_period }
        SLACK { return $::slacks($object) }
        DATAPATH_DELAY { return 7.25 }
        STARTPOINT_PIN { return core/accelerator/accelerator/gemm/array/sum_reg\[3\]/C }
        ENDPOINT_PIN { return core/accelerator/accelerator/vector/out/value_reg\[0\]/D }
    }
    error "no property $name"
}
proc does_report_timing_summary {given plain} {
    set pulse [expr {$::result eq "pulse" ? -0.3 : 3.5}]
    made [dict get $given -file] "| Design Timing Summary

    WNS(ns)      TNS(ns)  TNS Failing Endpoints  TNS Total Endpoints      WHS(ns)      THS(ns)  THS Failing Endpoints\
  THS Total Endpoints     WPWS(ns)     TPWS(ns)  TPWS Failing Endpoints  TPWS Total Endpoints  
    -------      -------  ---------------------  -------------------      -------      -------  ---------------------\
  -------------------     --------     --------  ----------------------  --------------------  
      $::slacks(max)        0.000                      0                 9999        $::slacks(min)        0.000\
                      0                 9999        $pulse        0.000                       0                 4000  
"
}
proc does_report_utilization {given plain} {
    made [dict get $given -file] {
+--------------------+--------+------------+------------+---------+------+-----+--------+--------+------------+
|      Instance      | Module | Total LUTs | Logic LUTs | LUTRAMs | SRLs | FFs | RAMB36 | RAMB18 | DSP Blocks |
+--------------------+--------+------------+------------+---------+------+-----+--------+--------+------------+
| gatewright_board   |  (top) |       9000 |       8900 |      99 |    1 | 700 |      4 |      3 |         40 |
|   (gatewright_bo)  |  (top) |          1 |          1 |       0 |    0 |   0 |      0 |      0 |          0 |
|   core             |   core |       8000 |       8000 |       0 |    0 | 650 |      4 |      3 |         40 |
|     accelerator    |   acce |       7000 |       7000 |       0 |    0 | 600 |      4 |      3 |         40 |
|   resets           |   rese |          9 |          9 |       0 |    0 |   3 |      0 |      0 |          0 |
+--------------------+--------+------------+------------+---------+------+-----+--------+--------+------------+
}
}
proc does_write_bitstream {given plain} {
    if {$::result ne "no bitstream"} { file copy -force $::env(FAKE_BIT) $plain }
}

if {[info exists env(FAKE_PID)]} { made $env(FAKE_PID) [pid] }
if {$result eq "hangs"} { after 600000 }
if {$result eq "silent"} { exit 0 }
source [lindex $argv [expr {[lsearch $argv -source] + 1}]]
