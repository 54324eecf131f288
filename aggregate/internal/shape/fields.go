package shape

import "reflect"

// Fields returns the values of a struct's fields, those too that are not exported, so that their methods can be called and
// they print as what they are.
func Fields(v reflect.Value) []reflect.Value {
	if !v.CanAddr() {
		addressable := reflect.New(v.Type()).Elem()
		addressable.Set(v)
		v = addressable
	}
	fields := make([]reflect.Value, v.NumField())
	for i := range fields {
		field := v.Field(i)
		fields[i] = reflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Elem()
	}
	return fields
}
