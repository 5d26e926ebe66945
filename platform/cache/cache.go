// Package cache has a bounded map that keeps the entries that were used last.
package cache

import "sync"

// Map keeps at most twice as many entries as its size, in two generations. When the young
// generation is full, the old one is dropped and the young one becomes old. An entry that is
// read moves to the young generation again. This costs less than an exact order of use, and
// it bounds the memory as well. Make one with New; it is safe for concurrent use.
type Map[K comparable, V any] struct {
	size       int
	mutex      sync.RWMutex
	young, old map[K]V
}

// New returns an empty Map whose generations hold size entries each.
func New[K comparable, V any](size int) *Map[K, V] {
	return &Map[K, V]{size: size, young: make(map[K]V)}
}

// Get returns the value that was put last for key, if it is still kept.
func (m *Map[K, V]) Get(key K) (V, bool) {
	m.mutex.RLock()
	value, young := m.young[key]
	ok := young
	if !young {
		value, ok = m.old[key]
	}
	m.mutex.RUnlock()
	if ok && !young {
		m.rejuvenate(key)
	}
	return value, ok
}

// rejuvenate moves a value to the young generation, unless it was replaced or
// deleted meanwhile.
func (m *Map[K, V]) rejuvenate(key K) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if _, young := m.young[key]; young {
		return
	}
	if value, ok := m.old[key]; ok {
		m.put(key, value)
	}
}

// Put keeps value for key until newer entries drop it.
func (m *Map[K, V]) Put(key K, value V) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.put(key, value)
}

func (m *Map[K, V]) put(key K, value V) {
	if len(m.young) >= m.size {
		m.old, m.young = m.young, make(map[K]V)
	}
	m.young[key] = value
}

// Delete drops key.
func (m *Map[K, V]) Delete(key K) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	delete(m.young, key)
	delete(m.old, key)
}

// Clear drops everything.
func (m *Map[K, V]) Clear() {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.young, m.old = make(map[K]V), nil
}
