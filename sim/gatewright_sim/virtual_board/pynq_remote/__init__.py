"""The door of PYNQ.remote: the services that PYNQ's clients 3.1.2 and 4.0.0 speak, as the server of its images does.

What that server does was read in Xilinx/PYNQ, image_v3.1, sdbuild/boot/meta-pynq/recipes-apps/pynq-cpp/files; its
oddities are kept, since a client has to live with them. Both versions of the protocol are one here:
``ReadResponse.data`` is an int32 in 3.1.2 and an uint32 in 4.0.0, and either client takes the other's bytes for the
same 32 bits. The GPIO service is not there; clients ask for it only where a design has GPIO.
"""

from gatewright_sim.virtual_board.pynq_remote.server import PynqRemoteServer, WhenFrozen

__all__ = ["PynqRemoteServer", "WhenFrozen"]
