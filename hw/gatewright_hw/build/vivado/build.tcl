# Builds the bitstream, in the folder that this file lies in:
#
#     vivado -mode batch -nojournal -log vivado.log -source build.tcl
#
# Ends with exit code 1 and one line that begins with ERROR where something is wrong, the clock included. What is
# found out is left in results.txt and the .rpt files, the bitstream in gatewright.bit.
#
# settings.tcl sets: part, top, source, constraints, clock_pin, period, ip, ip_module, ip_configuration,
# inputs.

cd [file dirname [file normalize [info script]]]
source settings.tcl
file delete results.txt gatewright.bit

proc fail {message} {
    puts stderr "ERROR: $message"
    exit 1
}

# Appends a line of results.txt: its fields, with tabs between them.
proc note {args} {
    set file [open results.txt a]
    puts $file [join $args \t]
    close $file
}

proc contents {name} {
    set file [open $name]
    set text [read $file]
    close $file
    return $text
}

# The slack of the worst path: max for setup, min for hold. Fails where nothing was timed.
proc slack {kind} {
    set path [get_timing_paths -quiet -delay_type $kind -max_paths 1]
    if {[llength $path] != 1 || [get_property SLACK $path] eq ""} {
        fail "no path of the design is timed ($kind)"
    }
    return [get_property SLACK $path]
}

# A design without a clock meets any: there must be one, as fast as asked for, that reaches every register.
proc check_clock {period} {
    report_clocks -file clocks.rpt
    set clocks [get_clocks -quiet]
    if {[llength $clocks] != 1} {
        fail "the design has [llength $clocks] clocks ($clocks), allowed: one, on the processing system's clock 0"
    }
    if {abs([get_property PERIOD $clocks] - $period) > 0.0011} {
        fail "the clock has a period of [get_property PERIOD $clocks] ns, allowed: $period"
    }
    check_timing -verbose -file check_timing.rpt
    set text [contents check_timing.rpt]
    foreach kind {no_clock multiple_clock loops latch_loops unconstrained_internal_endpoints} {
        if {![regexp "checking $kind \\((\\d+)\\)" $text -> count]} {
            fail "check_timing says nothing about $kind"
        }
        if {$count > 0 && $kind ne "unconstrained_internal_endpoints"} {
            fail "check_timing finds $kind at $count places, allowed: none; see check_timing.rpt"
        }
        note $kind $count
    }
}

note inputs $inputs
note vivado [version -short]
create_project -in_memory -part $part

# Zynq UltraScale+: the processing system is a block of the vendor's; Zynq-7000: a primitive, and ip is empty.
if {$ip ne ""} {
    file delete -force ip
    file mkdir ip
    create_ip -vlnv $ip -module_name $ip_module -dir ip
    set_property -dict $ip_configuration [get_ips $ip_module]
    generate_target all [get_ips $ip_module]
    synth_ip [get_ips $ip_module]
}

read_verilog $source
if {$constraints ne ""} {
    read_xdc $constraints
}
synth_design -top $top -part $part
if {$constraints eq ""} {
    # The block's own clock on this pin gives way to this one.
    create_clock -name fabric -period $period [get_pins -hierarchical -filter "NAME =~ $clock_pin"]
}
check_clock $period

opt_design
place_design
phys_opt_design
route_design
if {[slack max] < 0} {
    phys_opt_design
}

report_timing_summary -delay_type min_max -max_paths 10 -report_unconstrained -file timing.rpt
report_utilization -hierarchical -hierarchical_depth 5 -file utilisation.rpt
report_drc -file drc.rpt
write_checkpoint -force routed.dcp

foreach path [get_timing_paths -delay_type max -max_paths 10] {
    note path [get_property DATAPATH_DELAY $path] [get_property SLACK $path] \
        [get_property STARTPOINT_PIN $path] [get_property ENDPOINT_PIN $path]
}
set setup [slack max]
set hold [slack min]
note setup $setup
note hold $hold
if {$setup < 0} {
    set worst [get_timing_paths -delay_type max -max_paths 1]
    fail "the clock of $period ns is missed by [expr {-$setup}] ns, from [get_property STARTPOINT_PIN $worst]\
        to [get_property ENDPOINT_PIN $worst]"
}
if {$hold < 0} {
    fail "hold times are missed by [expr {-$hold}] ns, which no clock mends; see timing.rpt"
}
if {$ip eq ""} {
    # The only ports are pads of the processing system: their places are fixed, and whoever boots it sets the standards.
    set_property SEVERITY {Warning} [get_drc_checks {NSTD-1 UCIO-1}]
}
write_bitstream -force gatewright.bit
note done
