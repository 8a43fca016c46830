//go:build !amd64

package kernels

func machineSets() []*instructionSet { return nil }
