package eventstoretest

import "testing"

// TestModel runs the suite, with all features, against a model without faults.
func TestModel(t *testing.T) {
	Run(t, func(*testing.T) Harness { return newModel(faults{}).harness() })
}
