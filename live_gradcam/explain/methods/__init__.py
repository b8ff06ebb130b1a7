"""The methods: functions that compute heat maps, one module for each family."""
