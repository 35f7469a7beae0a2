"""Small parts that the bus and the engines are made of."""
