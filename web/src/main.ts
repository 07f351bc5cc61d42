import { mount } from 'svelte'
import './app.css'
import App from './App.svelte'
import { studio } from './state.svelte'

mount(App, { target: document.getElementById('app')! })
void studio.start()
