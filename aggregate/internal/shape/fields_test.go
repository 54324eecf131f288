package shape_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/pasttense/pasttense/aggregate/internal/shape"
)

func TestFieldsCanBeReadWhetherExportedOrNot(t *testing.T) {
	type inner struct{ at time.Time }
	type outer struct {
		Name  string
		inner inner
		byKey map[string]inner
	}
	now := time.Now()
	value := outer{"a", inner{now}, map[string]inner{"k": {now}}}
	for name, v := range map[string]reflect.Value{
		"a copy": reflect.ValueOf(value), "in place": reflect.ValueOf(&value).Elem(),
	} {
		t.Run(name, func(t *testing.T) {
			fields := shape.Fields(v)
			assert.Equal(t, "a", fields[0].Interface())
			assert.Equal(t, now, shape.Fields(fields[1])[0].Interface())
			assert.Equal(t, now, shape.Fields(fields[2].MapIndex(reflect.ValueOf("k")))[0].Interface())
		})
	}
}
