.code16
.intel_syntax noprefix
ud2
