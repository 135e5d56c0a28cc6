// Package positionstore stores the position of a stream in a storage extension.
package positionstore
