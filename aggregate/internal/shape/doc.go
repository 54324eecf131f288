// Package shape knows by reflection what states are made of: whether JSON keeps them whole, whether a copy is the same, and
// which states of two programs are of one form.
package shape
