"""Single lines of the computer's pin header: LEDs, a buzzer, a button, a pulse."""
