.code16
.intel_syntax noprefix
# Runs off the end of the slot.
.org 0xffe
nop
nop
