// Package nn has what networks are built from: layers and their parameters,
// initialisation, losses through the tape, optimizers and learning-rate schedules.
package nn

import (
	"fmt"
	"reflect"
	"strconv"

	"godwit/tensor"
)

// Parameter is a trainable tensor with its path in the model, which is also
// its name in a Hugging Face checkpoint.
type Parameter struct {
	*tensor.Tensor
	Name string
}

// Parameters lists the parameters of a module with their paths, in the order
// of the fields. A module is a pointer to a struct whose fields are parameters
// (*tensor.Tensor), modules (pointers to structs) or slices of modules, each with the tag
// name:"…"; elements of a slice are named by their number. Nil fields and
// fields without the tag are left out; the tag name:"" adds nothing to the path.
func Parameters(module any) []Parameter {
	var list []Parameter
	walk(reflect.ValueOf(module), "", &list)
	return list
}

var tensorType = reflect.TypeFor[*tensor.Tensor]()

func walk(v reflect.Value, path string, list *[]Parameter) {
	switch {
	case v.Type() == tensorType:
		if !v.IsNil() {
			*list = append(*list, Parameter{v.Interface().(*tensor.Tensor), path})
		}
	case v.Kind() == reflect.Pointer:
		if !v.IsNil() {
			walk(v.Elem(), path, list)
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), join(path, strconv.Itoa(i)), list)
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if name, ok := v.Type().Field(i).Tag.Lookup("name"); ok {
				walk(v.Field(i), join(path, name), list)
			}
		}
	default:
		panic(fmt.Sprintf("nn: %s of type %s is neither a parameter nor a module", path, v.Type()))
	}
}

func join(path, name string) string {
	switch {
	case path == "":
		return name
	case name == "":
		return path
	}
	return path + "." + name
}

// ZeroGrad forgets the gradients of all parameters.
func ZeroGrad(parameters []Parameter) {
	for _, p := range parameters {
		p.ZeroGrad()
	}
}
